"""The decode rooms: a path and times in, pictures (`frames`) or sound (`audio`) out, or a DecodeError that
says why not."""
