"""What is in this video: fingerprints of streams and clips, and which seconds of which stream a clip shows."""
