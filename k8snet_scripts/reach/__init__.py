"""Who reaches whom, by the rules of Linux, and which of it is worth a probe."""
