import { table } from '../plain-table.js'
import type { SnapshotInfo } from './snapshot-api.js'

/** What `snapshot create` prints: one value a line, to be read and to be cut. */
export const createdText = ({ name, size, checksum }: SnapshotInfo): string =>
  `name    ${name}\nsize    ${size} bytes\nsha256  ${checksum}`

export const listText = (list: readonly SnapshotInfo[], collection: string | undefined): string => {
  if (list.length === 0)
    return collection === undefined
      ? 'This region keeps no snapshot of the whole store; those of a collection are listed with --collection.'
      : `This region keeps no snapshot of collection ${collection}.`
  return table(
    ['name', 'taken (UTC)', 'sha256', 'bytes'],
    list.map((each) => [each.name, each.creation_time.replace('T', ' '), each.checksum, String(each.size)]),
    3,
  )
}
