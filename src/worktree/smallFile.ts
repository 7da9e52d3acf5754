/** Files that are read at once because they are small by nature: ignore files and the like. */
import type { FileSystem } from '../base/filesystem.js'
import { MIB } from '../base/units.js'
import { ReadFailure, reading } from './readFailure.js'

/** Patterns take a hundred times their bytes of memory. */
const SMALL_BYTES_MAX = 16 * MIB

/** @throws {ReadFailure} */
export function readSmallFile(fs: FileSystem, diskPath: Buffer): Buffer {
  const file = reading(() => fs.open(diskPath, 'read'))
  try {
    return reading(() => {
      const { size, type } = file.stat()
      if (type !== 'file') throw ReadFailure.changed('it is a file no more')
      if (size > SMALL_BYTES_MAX) throw new ReadFailure('EFBIG', `it has ${size} bytes, more than ${SMALL_BYTES_MAX}`)
      const bytes = Buffer.alloc(size)
      let filled = 0
      for (let length = -1; length !== 0 && filled < size; filled += length) {
        length = file.readSync(bytes, filled, size - filled, filled)
      }
      return bytes.subarray(0, filled)
    })
  } finally {
    file.closeSync()
  }
}
