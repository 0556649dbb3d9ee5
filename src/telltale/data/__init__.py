"""From label files to batches: manifest, clips, the decode-once store, samples, their order and the data
loader."""
