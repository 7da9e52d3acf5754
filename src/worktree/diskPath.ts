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

const ASCII_PATTERN = /^[\x00-\x7f]*$/

/** What lies in one folder: as text where that names the same, else as bytes. For many short looks. */
export function namesBelow(folder: Buffer): (name: string) => Buffer | string {
  const text = folder.toString()
  const isText = folder.equals(Buffer.from(text))
  return (name) => (isText && ASCII_PATTERN.test(name) ? `${text}/${name}` : diskPathOf(folder, name))
}
