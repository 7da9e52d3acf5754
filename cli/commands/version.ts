import { EXIT } from '../errors.js'
import type { Verb } from '../verb.js'
import { readVersion } from '../version.js'

export const verb: Verb = {
  examples: [
    { command: 'varve version', does: 'the same as varve --version' },
    { command: 'varve version --json', does: 'with the Node.js it runs on' },
  ],
  json: '{ version, node, platform: string }',

  async run(context) {
    const version = readVersion()
    const platform = `${process.platform}-${process.arch}`
    if (context.json) await context.out.json({ version, node: process.versions.node, platform })
    else await context.out.line(`varve ${version}`)
    return EXIT.ok
  },
}
