"""What is learned from: problems and contracts, pictures and folders of pictures, and where they come from."""
