"""What a repository is: a listing and the text of small files in, a Found out. Pure: it runs nothing and reads no disk."""
