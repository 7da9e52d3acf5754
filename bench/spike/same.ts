import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Do two folders hold the same files with the same bytes? */
export function sameTree(a: string, b: string): boolean {
  const left = readdirSync(a, { withFileTypes: true })
  if (left.length !== readdirSync(b).length) return false
  return left.every((entry) => {
    const [one, other] = [join(a, entry.name), join(b, entry.name)]
    return entry.isDirectory() ? sameTree(one, other) : readFileSync(one).equals(readFileSync(other))
  })
}
