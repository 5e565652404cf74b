"""How calls are driven: runs handed to links, time kept, detached work delivered."""
