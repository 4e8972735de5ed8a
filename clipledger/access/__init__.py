"""Access: who may come in, how they prove it, what they may do, and the trail of what they did."""
