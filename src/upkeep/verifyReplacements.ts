/** Whether what takes the place of other objects is there, and could be what they are. */
import { CorruptionError } from '../base/errors.js'
import { shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Replacement } from '../refs/replacements.js'
import type { Findings } from './findings.js'
import { differenceOf, nameOf } from './replaceable.js'
import type { VerifyRoot } from './verifyGraph.js'

/** @returns where the graph goes on from: all of it is needed, whatever else needs it */
export async function checkReplacements(
  { originals }: ChunkStore,
  replacements: readonly Replacement[],
  findings: Findings,
): Promise<VerifyRoot[]> {
  const replaced = new Set(replacements.map(({ id }) => id))
  const roots: VerifyRoot[] = []
  for (const { id, by } of replacements) {
    try {
      const kind = await originals.kindOf(by)
      if (kind === undefined) {
        // One that is replaced itself may be gone: nobody is shown it. So may what took the place of something that was erased.
        if (replaced.has(by) || (await originals.kindOf(id)) === undefined) continue
        throw new CorruptionError(
          'MISSING_CHUNK',
          `${shortHash(by)}, which takes the place of ${shortHash(id)}, is gone`,
          { id: by },
        )
      }
      roots.push({ name: `replacement of ${shortHash(id)}`, id: by, kind })
      const before = await originals.kindOf(id)
      if (before === undefined) continue
      const [a, b] = [
        { kind: before, id },
        { kind, id: by },
      ]
      const difference = await differenceOf(originals, a, b)
      if (difference !== undefined) {
        throw new CorruptionError(
          'CORRUPT_OBJECT',
          `${nameOf(b)} cannot take the place of ${nameOf(a)}: ${difference}`,
          { id: by },
        )
      }
    } catch (error) {
      findings.report(error, by)
    }
  }
  findings.replaced = replacements.length
  if (replacements.length > 0) {
    const objects = replacements.length === 1 ? 'object is' : 'objects are'
    findings.notes.push(`${replacements.length} ${objects} answered by others: \`varve replace --list\``)
  }
  return roots
}
