import type { TieredAmount, TierReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { counted, plainLine, plainText, sizeText } from '../text.js'
import { tierLines } from '../tierText.js'
import { parseRate } from '../values.js'
import type { Verb } from '../verb.js'

export const tier: Verb = {
  define(command) {
    command
      .argument('[lv]', 'its name (default: all that have tiers)')
      .option('-n, --dry-run', 'only say what would be promoted and demoted')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
For logical volumes with a fast and a slow tier ("varve lv convert LV --tiers FAST:SLOW"). What is read often is promoted: brought
to the fast tier, hottest first, as far as it fits below its low-water mark (70 %), or in the place of what is clearly colder. Once the fast tier
is above its high-water mark (85 %), the coldest of it is demoted to the slow one until it is below the low one; where volumes of the fast tier
have no size, what was not used for weeks is. What was moved stays for a day. Each copy is synced in its new place before the catalog
names it there, and then dropped where it was; others read and commit meanwhile. Interrupted or killed, the next run does the rest.
To be run daily or so; "varve doctor" says when it is due.`,
  examples: [
    { command: 'varve lv tier', does: 'each night: hot extents to the fast tier, cold ones down' },
    { command: 'varve lv tier default -n', does: 'what would move?' },
    { command: 'varve lv tier --rate 50M', does: 'and leave the disks to others' },
  ],
  json: `
{ lv: string, dryRun: boolean,
  promoted, demoted: { extents, storedBytes: number },
  added, dropped: { pv, extents, storedBytes: number }[],
  tiers: Tiers,                                        // as they are now, as in "varve lv list"
  notes: string[] }[]`,
  statuses: {
    [EXIT.notFound]: 'no such logical volume, or no store here',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
  },
  completes: [['default']],

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<{ readonly dryRun?: boolean; readonly rate?: number }>()
    const [wanted] = command.args
    const repository = await (dryRun ? context.openToRead() : context.open())
    const tiered = (await repository.logicalVolumes()).flatMap(({ name, tiers }) => (tiers ? [name] : []))
    const reports: { readonly lv: string; readonly report: TierReport }[] = []
    for (const lv of wanted === undefined ? tiered : [wanted]) {
      const options = { ...context.work, dryRun, rateBytes: rate }
      const report = await repository.tierLogicalVolume(lv, options)
      reports.push({ lv, report })
      if (!context.json) await tellTiered(context, lv, report)
    }
    if (context.json) await context.out.json(reports.map(({ lv, report }) => ({ lv, ...report })))
    else if (reports.length === 0) {
      await context.say('no logical volume has tiers: "varve lv convert LV --tiers FAST:SLOW" gives it some')
    }
    return EXIT.ok
  },
}

async function tellTiered(context: Context, name: string, report: TierReport): Promise<void> {
  const { dryRun, promoted, demoted, notes, tiers } = report
  context.clearProgress()
  const tell = async (did: string, { extents, storedBytes }: TieredAmount, tag: string): Promise<void> => {
    if (extents === 0) return
    const what = `${counted(extents, 'extent')}, ${sizeText(storedBytes)} stored`
    await context.out.line(`${dryRun ? `would ${did.replace(/d$/, '')}` : did} ${what} to @${plainLine(tag)}`)
  }
  await tell('demoted', demoted, tiers.slow.tag)
  await tell('promoted', promoted, tiers.fast.tag)
  for (const note of notes) await context.warn(plainText(note))
  if (promoted.extents + demoted.extents === 0) await context.say(`${plainLine(name)}: all is where it belongs`)
  if (!dryRun) for (const line of tierLines(name, tiers)) await context.say(line)
}
