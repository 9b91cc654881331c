"""The asset graph of ArtPulse: from data to a registered model, and back from served predictions."""
