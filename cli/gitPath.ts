/** Paths as Git writes them into a diff. */

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\u000b': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '\\': '\\\\',
}

/**
 * A path as a byte string, one character a byte. As it is, or in quotes where it holds quotes, backslashes, what is not
 * UTF-8, or what may not reach a terminal; then those bytes are escaped as in C.
 */
export function gitPath(prefix: string, path: Uint8Array): string {
  const bytes = Buffer.from(path)
  const text = bytes.toString('utf8')
  const isUtf8 = Buffer.from(text, 'utf8').equals(bytes)
  const quoted = [...(isUtf8 ? text : bytes.toString('latin1'))].map((character) => {
    const escaping = ESCAPES[character]
    if (escaping !== undefined) return escaping
    const raw = Buffer.from(character, isUtf8 ? 'utf8' : 'latin1')
    const isPlain = isUtf8 ? !UNSAFE_PATTERN.test(character) : /[\u0020-\u007e]/.test(character)
    return isPlain ? raw.toString('latin1') : [...raw].map(octal).join('')
  })
  const plain = bytes.toString('latin1')
  const escaped = quoted.join('')
  return escaped === plain ? `${prefix}${plain}` : `"${prefix}${escaped}"`
}

/** Controls, and what reverses the direction of text. */
const UNSAFE_PATTERN = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`
}
