/**
 * Upper bounds that both encoders and decoders keep, so that a stranger's object cannot ask for more memory
 * than a real one needs. They are part of the format: raised only with a new format version.
 */
import { KIB } from './units.js'

/** Bytes of one name in a directory. */
export const NAME_BYTES_MAX = 4095

/** Bytes of a path from the root, separators included. */
export const PATH_BYTES_MAX = 1024 * KIB

export const XATTR_NAME_BYTES_MAX = 255
export const XATTR_VALUE_BYTES_MAX = 64 * KIB
/** Names and values together, of one file. */
export const XATTRS_BYTES_MAX = 128 * KIB

export const WHO_BYTES_MAX = 4 * KIB
export const MESSAGE_BYTES_MAX = 1024 * KIB
export const PARENTS_MAX = 1024
export const HEADERS_MAX = 1024
/** Keys and values of all extra headers of a commit together. */
export const HEADERS_BYTES_MAX = 1024 * KIB
export const SIGNATURE_BYTES_MAX = 256 * KIB

/** Entries of one node of a Merkle sequence. */
export const NODE_ENTRIES_MAX = 4096

/** Slots of one extent: the longest archive extent filled with the shortest chunks. */
export const SLOTS_MAX = 1024 * KIB

/** Extents below one another that a frame is decoded through: its bases, theirs, and so on. */
export const BASE_DEPTH_MAX = 32
/** Raw bytes of an extent and of all that it is decoded through. */
export const DECODED_BYTES_MAX = 16 * 1024 * KIB
