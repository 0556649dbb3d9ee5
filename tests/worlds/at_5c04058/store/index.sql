BEGIN TRANSACTION;
CREATE TABLE entries (spec TEXT, content TEXT, place TEXT, shard TEXT, start INTEGER, length INTEGER,
    checksum INTEGER, added REAL, PRIMARY KEY (spec, content, place)) WITHOUT ROWID;
INSERT INTO "entries" VALUES('38955568e19a60ac','d75ddff7b1bd3f71c52aed6e9b373a3ef55beaf1e39e5e6572f33c16887ca5a1','0.5','12500a9e0a5743bdb90ccaf7f407ea48.shard',0,13952,522245751,1.79529394708469963075e+09);
CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, inode INTEGER, content TEXT)
    WITHOUT ROWID;
CREATE TABLE specs (spec TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID;
INSERT INTO "specs" VALUES('38955568e19a60ac','{"clip": {"backend": "pyav", "frames": 2, "image_size": 48, "jpeg_quality": null, "max_decoded_frames": 20000, "max_frame_pixels": 33177600, "sampling": "reference", "seconds": 1.0}, "rate_hz": 16000, "reads": ["picture"]}');
CREATE TABLE total (bytes INTEGER);
INSERT INTO "total" VALUES(13952);
CREATE INDEX by_shard ON entries (shard);
COMMIT;
