import { candidateLines, complete } from '../completion.js'
import { EXIT } from '../errors.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  define(command) {
    command.argument('[words...]', 'the words after "varve"; the last one is being typed').takePathsAfterDashes()
  },
  about: 'Used by the scripts that "varve completion" prints.',
  examples: [{ command: 'varve __complete -- log ma', does: 'what "varve log ma" could go on with' }],
  json: '{ word: string, description: string | null }[]',

  async run(context, command) {
    const candidates = await complete(context, command.paths)
    if (context.json) {
      await context.out.jsonArray(
        candidates.map(({ word, description }) => ({ word, description: description ?? null })),
      )
    } else {
      for (const line of candidateLines(candidates)) await context.out.line(line)
    }
    return EXIT.ok
  },
}
