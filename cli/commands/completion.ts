import { Argument } from 'commander'
import { COMPLETION_SCRIPTS, SHELLS, type Shell } from '../completionScripts.js'
import { EXIT } from '../errors.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  define(command) {
    command.addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
  },
  about: `
Commands, options, branches, tags, volumes and paths are completed: those that changed, or those of a revision, where that is
what a command takes. The script says where to put it.`,
  examples: [
    { command: 'source <(varve completion bash)', does: 'in ~/.bashrc' },
    { command: 'varve completion fish > ~/.config/fish/completions/varve.fish', does: 'once' },
  ],
  json: '{ shell, script: string }',
  completes: [SHELLS],

  async run(context, command) {
    const shell = command.args[0] as Shell
    const script = COMPLETION_SCRIPTS[shell]
    if (context.json) await context.out.json({ shell, script })
    else await context.out.text(script)
    return EXIT.ok
  },
}
