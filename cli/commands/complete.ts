import { complete, completionLines } from '../completion.js'
import { EXIT } from '../errors.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  define(command) {
    command.argument('[words...]', 'the words after "varve"; the last one is being typed').takePathsAfterDashes()
  },
  about: 'Used by the scripts that "varve completion" prints.',
  examples: [{ command: 'varve __complete -- log ma', does: 'what "varve log ma" could go on with' }],
  json: '{ kind: "words" | "paths" | "files", candidates: { word: string, description: string | null }[] }',

  async run(context, command) {
    const completion = await complete(context, command.paths)
    if (context.json) {
      const { kind, candidates } = completion
      await context.out.json({
        kind,
        candidates: candidates.map(({ word, description }) => ({ word, description: description ?? null })),
      })
    } else {
      for (const line of completionLines(completion)) await context.out.line(line)
    }
    return EXIT.ok
  },
}
