import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { pathJson } from '../shapes.js'
import { type ByteRange, parseByteRange, splitRevisionPath } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly range?: ByteRange
}

export const verb: Verb = {
  define(command) {
    command
      .argument('<rev:path>', 'the revision, and the file in it')
      .option('--range <offset:length>', 'only these bytes; either side may be left out', parseByteRange)
  },
  about: `
Bytes come out as they are, each checked before. With --range only the chunks that hold the range are read. A range
that reaches beyond the end of the file ends there.`,
  examples: [
    { command: 'varve cat main:README.md', does: 'the newest version' },
    { command: 'varve cat v1.0:disk.img --range 1M:512 | xxd', does: '512 bytes, one MiB into the file' },
    { command: 'varve cat :notes.txt', does: 'from HEAD' },
  ],
  json: '{ path: string, sizeBytes, offset, length: number, base64: string }          // length: bytes in base64',
  statuses: { [EXIT.notFound]: 'no such revision or file', [EXIT.damage]: true },
  completes: ['revision-path'],

  async run(context, command) {
    const options = command.opts<Options>()
    const { revision, path } = splitRevisionPath(command.args[0] ?? '')
    if (path === undefined) throw new UsageError('cat needs a path: REV:PATH', `varve ls ${revision} lists the files`)
    const repository = await context.openToRead()
    const snapshot = await repository.at(revision)
    const entry = await snapshot.stat(path)
    const offset = Math.min(options.range?.offset ?? 0, entry.sizeBytes)
    const length = Math.min(options.range?.length ?? entry.sizeBytes, entry.sizeBytes - offset)
    const bytes = snapshot.stream(path, { offset, length, signal: context.signal })
    if (context.json) {
      const start = { ...pathJson(entry.path, entry.pathBytes), sizeBytes: entry.sizeBytes, offset, length }
      await printBase64(context, start, bytes)
    } else {
      for await (const piece of bytes) await context.out.bytes(piece)
    }
    return EXIT.ok
  },
}

/** Base64 turns three bytes into four letters, so pieces are cut to multiples of three before they are encoded. */
async function printBase64(context: Context, start: object, bytes: AsyncIterable<Buffer>): Promise<void> {
  await context.out.text(`${JSON.stringify(start).slice(0, -1)},"base64":"`)
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of bytes) {
    const joined = Buffer.concat([rest, piece])
    const whole = joined.length - (joined.length % 3)
    await context.out.text(joined.toString('base64', 0, whole))
    rest = Buffer.from(joined.subarray(whole))
  }
  await context.out.line(`${rest.toString('base64')}"}`)
}
