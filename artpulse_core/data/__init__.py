"""What is learned from: problems, contracts, pictures, folders of them, and where they come from."""
