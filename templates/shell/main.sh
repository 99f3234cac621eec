# ---- so that a script that is cut off does nothing, this comes last ----

{
	main "$@"
	exit
}
