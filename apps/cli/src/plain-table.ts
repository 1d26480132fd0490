import Table from 'cli-table3'

/**
 * Plain lines without borders read well in any terminal and can be cut by other tools. Columns from `rightFrom` on, counted
 * from 0, are set to the right.
 */
export const table = (head: string[], rows: string[][], rightFrom: number): string => {
  const chars = {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: ' ',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  }
  const view = new Table({
    head,
    chars,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, i) => (i >= rightFrom ? 'right' : 'left')),
  })
  view.push(...rows)
  return view
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
