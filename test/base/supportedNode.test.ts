import { describe, expect, test } from 'vitest'
import { unsupportedNodeReason } from '../../src/base/supportedNode.js'

describe('unsupportedNodeReason', () => {
  test.each(['v20.19.0', 'v20.20.2', 'v22.14.0', 'v22.22.3', 'v23.0.0', 'v24.1.0', 'v100.0.0'])(
    '%s will do',
    (version) => {
      expect(unsupportedNodeReason(version)).toBeUndefined()
    },
  )

  test.each(['v12.22.12', 'v18.20.8', 'v20.18.9', 'v21.7.3', 'v22.13.1', 'v2.40.0', 'nonsense'])(
    '%s is refused',
    (version) => {
      expect(unsupportedNodeReason(version)).toBe(
        `varve needs Node.js 20.19 or later in the 20 line, or 22.14 or later; this is ${version}.`,
      )
    },
  )
})
