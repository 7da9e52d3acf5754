import { WorkingFolder } from '../../../src/index.js'
import { say } from './say.js'

/** Switches from one branch to the other and back, and says so before and after each. */
export async function switchUntilKilled(dir = '', ...branches: string[]): Promise<void> {
  const folder = await WorkingFolder.open(dir)
  say('ready')
  for (;;) {
    for (const branch of branches) {
      if (folder.head.branch === branch) continue
      say(`going ${branch}`)
      await folder.switchTo(branch)
      say(`ack ${branch}`)
    }
  }
}
