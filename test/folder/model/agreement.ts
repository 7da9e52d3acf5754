/** What is found against what the model expects: failures say what differs, and where. */
import { isVarveError, type VarveError } from '../../../src/index.js'
import { describeNode, differingPaths, type Path, type Tree } from './trees.js'

export function agree(what: string, found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)]
  if (a !== b) throw new Error(`${what} is not as in the model:\n  found    ${a}\n  expected ${b}`)
}

export function agreeTrees(what: string, found: Tree, expected: Tree): void {
  const paths = differingPaths(found, expected)
  if (paths.length > 0) throw new Error(`${what} is not as in the model:\n${sideBySide(paths, { found, expected })}`)
}

/** What some trees have at some paths. */
export function sideBySide(paths: readonly Path[], trees: Readonly<Record<string, Tree>>): string {
  return paths
    .flatMap((path) =>
      Object.entries(trees).map(([what, tree]) => `  ${JSON.stringify(path)} ${what}: ${describeNode(tree.get(path))}`),
    )
    .join('\n')
}

export async function refused(code: string, body: () => Promise<unknown>): Promise<VarveError> {
  try {
    await body()
  } catch (error) {
    if (isVarveError(error) && error.code === code) return error
    throw error
  }
  throw new Error(`${code} was to be thrown, and was not`)
}

export function bytesOf(path: Path): Buffer {
  return Buffer.from(path, 'latin1')
}

/** As errors show it. */
export function textOf(path: Path): string {
  return bytesOf(path).toString('utf8')
}
