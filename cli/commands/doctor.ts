import type { DoctorReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { plainText } from '../text.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  about: `
Looks at what can be seen at once, and says what should be done: a scrub or gc that is due, damage that the last scrub found,
volumes that are missing, copies that lack, a fast tier that is nearly full, volumes and disks that are nearly full, what a killed process left behind, working folders that are
gone or in the middle of a switch. Nothing is read back (that is "varve scrub" and "varve verify"), and nothing is changed.`,
  examples: [
    { command: 'varve doctor', does: 'is there anything to do?' },
    { command: 'varve doctor -q || mail -s "look at the store" me', does: 'in a nightly script' },
  ],
  json: `
{ ok: boolean,                                         // whether nothing is to be done
  findings: { topic: "damage" | "erasure" | "exported" | "volume-missing" | "copies-lacking" | "tiers-due" | "scrub-due" | "gc-due" |
                     "lease" | "volume-full" | "space-low" | "disk-full" | "format" | "one-copy" | "folder",
              message, advice, path? }[] }`,
  statuses: {
    [EXIT.failed]: 'something is to be done',
    [EXIT.notFound]: 'no store here',
    [EXIT.damage]: true,
  },

  async run(context) {
    const repository = await context.open({ readOnly: true, partial: true })
    const report = await repository.doctor()
    if (context.json) await context.out.json(report)
    else await tell(context, report)
    return report.ok ? EXIT.ok : EXIT.failed
  },
}

async function tell(context: Context, { findings }: DoctorReport): Promise<void> {
  const { bold } = context.colors
  for (const { topic, message, advice } of findings) {
    await context.out.line(`${bold(topic)}: ${plainText(message)}`)
    await context.out.line(`  ${plainText(advice)}`)
  }
  if (findings.length === 0) await context.say('nothing is to be done')
}
