/** The monotonic clock that all threads and processes of one machine share, in ms. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6
