"""What single values may be: names, addresses, numbers and texts, for every frontend and for models built in Python."""
