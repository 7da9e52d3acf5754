/** Paths on a disk, as bytes. `/` separates on every platform: Windows takes it too. */
const SLASH = 0x2f

/** @param name One segment or several, one character a byte. */
export function diskPathOf(folder: Buffer, name: string): Buffer {
  const path = Buffer.allocUnsafe(folder.length + 1 + name.length)
  folder.copy(path)
  path[folder.length] = SLASH
  path.write(name, folder.length + 1, 'latin1')
  return path
}
