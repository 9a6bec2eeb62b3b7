"""What is shipped: a git repository, a commit and the Intent in, a Release and its blobs out."""
