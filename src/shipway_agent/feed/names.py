"""A host's number in, the name in its certificate out. Both ends import this file; .invalid is nobody's, in any DNS."""

NAME = "{}.feed.invalid"
