/** What packing a store did, for people. */
import type { PackReport } from '../src/index.js'
import type { Context } from './context.js'
import { counted, plainText, sizeText } from './text.js'

export async function tellPacked(context: Context, report: PackReport): Promise<void> {
  const { dryRun, extents, chunks, objects, bytes, storedBytes, isPacked, newExtents, newStoredBytes, notes } = report
  context.clearProgress()
  const what = `${counted(chunks, 'chunk')} and ${counted(objects, 'object')}, ${sizeText(bytes)} raw`
  await context.out.line(`${what}, in ${counted(extents, 'extent')}, ${sizeText(storedBytes)} stored`)
  for (const note of notes) await context.warn(plainText(note))
  if (isPacked) {
    const saved = ((1 - newStoredBytes / storedBytes) * 100).toFixed(1)
    const now = `${counted(newExtents, 'extent')}, ${sizeText(newStoredBytes)} stored`
    await context.out.line(`packed into ${now}: ${saved} % less`)
  } else if (!dryRun && notes.length === 0) {
    await context.say('packed, it would not be smaller: all is as it was')
  }
}
