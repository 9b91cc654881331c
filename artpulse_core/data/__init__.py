"""What is learned from: contracts, problem files, pictures and where data comes from."""
