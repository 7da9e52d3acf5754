/**
 * Random trees with ignore files in them. Everything is a byte string: one character a byte.
 *
 * Names and patterns are drawn from the same few characters, so that patterns hit names often, and both are full of what
 * the syntax of ignore files gives a meaning to.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'

export interface IgnoreTree {
  readonly entries: ReadonlyMap<string, IgnoreTree | 'file' | 'symlink'>
  /** Contents by name. */
  readonly ignoreFiles: ReadonlyMap<string, string>
}

/** Two characters that UTF-8 writes in two bytes each, of which the first is the same; a byte that is never UTF-8. */
const E_ACUTE = '\xc3\xa9'
const A_GRAVE = '\xc3\xa0'
const NO_UTF8 = '\xff'

const PLAIN = ['a', 'b', 'c', 'A', 'B', '1', '.', '-', '_', ':', E_ACUTE, A_GRAVE, NO_UTF8]
const SPECIAL = ['*', '?', '[', ']', '!', '^', '#', '\\', ' ', '\t']
const NAMES = [
  'ab',
  'abc',
  'a.o',
  'b.o',
  '.a',
  'a ',
  ' a',
  'a b',
  '#a',
  '!a',
  'a\\',
  'a*',
  'a**b',
  '[a]',
  'a\vb',
  'a\nb',
  '...',
]

function drawn(parts: readonly string[], maxLength: number): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength }).map((list) => list.join(''))
}

const name = fc
  .oneof(
    { weight: 4, arbitrary: fc.constantFrom('a', 'b', 'ab', 'A', 'a.o') },
    { weight: 3, arbitrary: fc.constantFrom(...NAMES) },
    { weight: 2, arbitrary: drawn(PLAIN, 3) },
    { weight: 2, arbitrary: drawn([...PLAIN, ...SPECIAL], 3) },
  )
  .filter((text) => text !== '.' && text !== '..')

const CLASS_NAMES = 'alnum alpha blank cntrl digit graph lower print punct space upper xdigit'.split(' ')

const bracketMember = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...PLAIN) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('a-c', 'A-C', 'a-Z', 'B-b', 'c-a', '\x80-\xff', '\\a-\\c', 'a-b-c', '--1', '/', 'a-'),
  },
  { weight: 2, arbitrary: fc.constantFrom(...CLASS_NAMES).map((kind) => `[:${kind}:]`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('[:wrong:]', '[:alpha', '[:alpha]', '[:', '[:]', '[::]', '\\]', '\\\\', '[', ']', '\\'),
  },
  { weight: 1, arbitrary: fc.constantFrom(...SPECIAL) },
)

const bracket = fc
  .tuple(
    fc.constantFrom('', '', '!', '^', '!!', ']', '!]', '^]', '-'),
    fc.array(bracketMember, { minLength: 1, maxLength: 3 }),
    fc.constantFrom(']', ']', ']', ']', ']', ']', ''),
  )
  .map(([start, members, end]) => `[${start}${members.join('')}${end}`)

/** As somebody writes it who wants exactly this name. */
const escapedName = name.map((text) => text.replace(/[\\*?[ #!]/g, '\\$&'))

const piece = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PLAIN) },
  { weight: 3, arbitrary: fc.constantFrom('*', '*', '?', '**', '***') },
  { weight: 2, arbitrary: bracket },
  { weight: 1, arbitrary: fc.constantFrom(...SPECIAL) },
  { weight: 1, arbitrary: fc.constantFrom(...PLAIN, ...SPECIAL, '/').map((character) => `\\${character}`) },
)

const segment = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'ab', 'A', 'a.o') },
  { weight: 2, arbitrary: name },
  { weight: 1, arbitrary: escapedName },
  { weight: 3, arbitrary: fc.constantFrom('*', '**', '*.o', 'a*', 'a**', '**a', '?', '***', '?*', '*b*') },
  { weight: 3, arbitrary: fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')) },
)

const anyPattern = fc
  .tuple(
    fc.constantFrom('', '', '', '', '!', '!', '!!'),
    fc.constantFrom('', '', '', '/', '**/', '/**/', '//', '***/'),
    fc.oneof(
      { weight: 5, arbitrary: segment },
      { weight: 4, arbitrary: fc.array(segment, { minLength: 2, maxLength: 3 }).map((segments) => segments.join('/')) },
    ),
    fc.constantFrom('', '', '', '', '/', '/', '/**', '/*', '/**/', '//', '\\/', '\\'),
  )
  .map((parts) => parts.join(''))

/** Some hit so often that they contradict each other. */
export const pattern = fc.oneof(
  { weight: 3, arbitrary: anyPattern },
  { weight: 1, arbitrary: fc.constantFrom('a', '!a', 'b', '!b', 'ab', '!ab', '*b*', '!*b*', '!*', '*.o', '!a.o') },
)

const line = fc.oneof(
  { weight: 8, arbitrary: pattern },
  {
    weight: 1,
    arbitrary: fc
      .tuple(pattern, fc.constantFrom(' ', '  ', '\\ ', '\\  ', ' \\ ', '\t', '\\\\ ', '\r'))
      .map((p) => p.join('')),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      ' ',
      '#',
      '# a',
      '#a',
      '\\#a',
      '\\!a',
      '!',
      '/',
      '!/',
      '//',
      '\\',
      '!\\',
      'a\0b',
      '\0',
    ),
  },
  { weight: 1, arbitrary: drawn([...PLAIN, ...SPECIAL, '*', '/', '/'], 8) },
)

export const ignoreFile = fc
  .tuple(
    fc.constantFrom('', '', '', '\xef\xbb\xbf'),
    fc.array(fc.tuple(line, fc.constantFrom('\n', '\n', '\n', '\r\n')), { minLength: 1, maxLength: 6 }),
    fc.boolean(),
  )
  .map(([start, lines, endsLast]) => {
    const text = start + lines.map((parts) => parts.join('')).join('')
    return endsLast ? text : text.replace(/\n$/, '')
  })

/** @param fileNames Of the ignore files, to choose from. */
export function ignoreTree(fileNames: readonly string[], isTop = true, depth = 3): fc.Arbitrary<IgnoreTree> {
  const leaf = fc.constantFrom('file' as const, 'file' as const, 'file' as const, 'symlink' as const)
  const below = depth === 0 ? leaf : ignoreTree(fileNames, false, depth - 1)
  const entry = fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: below })
  const file = fc.tuple(fc.constantFrom(...fileNames), ignoreFile)
  return fc.record({
    entries: fc.array(fc.tuple(name, entry), { maxLength: 10, size: 'max' }).map((list) => new Map(list)),
    ignoreFiles: fc.array(file, { minLength: isTop ? 1 : 0, maxLength: fileNames.length }).map((list) => new Map(list)),
  })
}

const SHORT_NAMES = [...PLAIN, ...SPECIAL, '\v', '\n', '\x7f', '\x80'].filter((text) => text !== '.')

/** What a single pattern can get wrong: names of one and two characters, of all kinds, beside it and below folders. */
export const patternTree: fc.Arbitrary<IgnoreTree> = fc
  .tuple(
    fc.constantFrom('', '', '/', '**/', 'a/', 'a**/', '*/', 'a/**/', 'a**\\/', '?/', 'a/b**/'),
    fc.oneof(
      bracket,
      fc.array(fc.oneof(piece, bracket), { minLength: 1, maxLength: 3 }).map((list) => list.join('')),
    ),
    fc.array(fc.constantFrom(...SHORT_NAMES), { minLength: 8, maxLength: 8 }),
  )
  .map(([start, text, firsts]) => {
    const names = [...SHORT_NAMES, ...firsts.map((first, index) => `${first}${firsts[(index + 1) % 8]}`)]
    const leaves = new Map(names.filter((each) => each !== '..').map((each) => [each, 'file' as const]))
    const below = (entries: IgnoreTree['entries']): IgnoreTree => ({ entries, ignoreFiles: new Map() })
    const inFolders = new Map<string, IgnoreTree | 'file'>([...leaves, ['b', below(leaves)], ['bc', below(leaves)]])
    const entries = new Map<string, IgnoreTree | 'file'>([...leaves, ['a', below(inFolders)], ['ab', below(leaves)]])
    return { entries, ignoreFiles: new Map([['.gitignore', `${start}${text}`]]) }
  })

/** A tree with up to `count` trees in it. */
export function forest(tree: fc.Arbitrary<IgnoreTree>, count: number): fc.Arbitrary<IgnoreTree> {
  return fc.array(tree, { minLength: 1, maxLength: count, size: 'max' }).map((trees) => ({
    entries: new Map(trees.map((each, index) => [`tree ${index}`, each])),
    ignoreFiles: new Map(),
  }))
}

/** Makes it in a folder that is there. */
export function makeIgnoreTree(folder: Buffer, tree: IgnoreTree, withLeaves: boolean): void {
  const at = (name: string) => Buffer.concat([folder, Buffer.from(`/${name}`, 'latin1')])
  for (const [name, text] of tree.ignoreFiles) writeFileSync(at(name), text, 'latin1')
  for (const [name, node] of tree.entries) {
    if (typeof node !== 'string') {
      mkdirSync(at(name))
      makeIgnoreTree(at(name), node, withLeaves)
    } else if (withLeaves) {
      if (node === 'file') writeFileSync(at(name), '')
      else symlinkSync('.', at(name))
    }
  }
}

/** Parents first, without ignore files. */
export function pathsOf(tree: IgnoreTree, prefix = ''): string[] {
  return [...tree.entries].flatMap(([name, node]) => {
    const path = `${prefix}${name}`
    return [path, ...(typeof node === 'string' ? [] : pathsOf(node, `${path}/`))]
  })
}
