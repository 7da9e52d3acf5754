import { EXIT } from '../errors.js'
import { plainLine } from '../text.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  about: `
A store needs two files beside its own even to be read, a write-ahead log and its index. A sealed one does not: it can be read on a
read-only mount, a disc or a snapshot. Seal it, then copy it there. The next command that writes ends that by itself.`,
  examples: [
    { command: 'varve seal && cp .varve/store.varve /media/archive', does: 'a copy that can be read where it lies' },
    { command: 'varve --store /media/archive/store.varve log', does: 'read it there' },
  ],
  json: '{ path }',
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'another command has the store open',
    [EXIT.storage]: true,
  },

  async run(context) {
    const repository = await context.open()
    await repository.seal()
    if (context.json) await context.out.json({ path: repository.path })
    else await context.say(`sealed ${plainLine(repository.path)}`)
    return EXIT.ok
  },
}
