"""Finding quotes in sources: word for word, or the stretch that is most like them. Pure."""
