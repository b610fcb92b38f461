//! Files of named arrays: bytes to arrays and back. Knows nothing of networks.
