/**
 * What an example in a docstring finds ready, so that it can show its own matter alone. Only what it uses and does not
 * declare is added:
 *
 * - `dir`: a fresh folder, the working folder as well; `dir/tree` is a small file tree.
 * - `repo`: a fresh repository, `dir/store.varve`. Its branch `main` has two commits: the first holds `readme.txt` and
 *   `data/numbers.txt`, the second changes `readme.txt`.
 * - Whatever varve exports, without an import.
 */
import type { PublicInterface } from './docstrings.js'

/** What lies in the working folder of an example. */
export const FOLDER_FILES = {
  'tree/readme.txt': 'three\n',
  'tree/data/numbers.txt': '1\n2\n3\n4\n',
} as const

const DIR = `const dir = process.cwd()
`
const REPO = `await using repo = await (async () => {
  const { Repository } = await import('varve')
  const made = await Repository.create(\`\${process.cwd()}/store.varve\`)
  const author = 'Ada Example <ada@example.org>'
  const first = await made.draft('main')
  await first.write('readme.txt', 'one\\n')
  await first.write('data/numbers.txt', '1\\n2\\n3\\n')
  await first.commit({ message: 'first', author })
  const second = await made.draft('main')
  await second.write('readme.txt', 'two\\n')
  await second.commit({ message: 'second', author })
  return made
})()
`

export function withPrelude(code: string, { exportedNames, exportedValues }: PublicInterface): string {
  const uses = (name: string) => new RegExp(`(?<![.\\w$])${name}\\b`).test(code)
  const declares = (name: string) =>
    new RegExp(`\\b(const|let|using|class|function|type|interface)\\s+${name}\\b`).test(code) ||
    new RegExp(`\\bimport\\b[^;'"]*\\b${name}\\b[^;'"]*\\bfrom\\b`).test(code)
  const imported = exportedNames
    .filter((name) => uses(name) && !declares(name))
    .map((name) => (exportedValues.includes(name) ? name : `type ${name}`))
  return [
    imported.length > 0 ? `import { ${imported.join(', ')} } from 'varve'\n` : '',
    uses('dir') && !declares('dir') ? DIR : '',
    uses('repo') && !declares('repo') ? REPO : '',
    code,
    // An example is a module, even when it imports nothing.
    'export {}\n',
  ].join('')
}
