"""What is on disk or in a bucket: written whole, published in one rename, locked, walked.

Nothing else in the project renames or fsyncs a file. The input function is shipped with
this room, so it needs the standard library alone, and TensorFlow for what lies in a bucket;
`tfrecords` also google-crc32c.
"""
