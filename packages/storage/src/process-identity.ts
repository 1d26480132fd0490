import { readFileSync } from 'node:fs'

/**
 * A process as a lock file names it: `pid start`, where `start` is the boot and the tick at which the process began. The
 * same pid with another start is another process: pids are reused, and the first of a container is always 1.
 */
export const ownIdentity = (): string => `${process.pid} ${startOf(process.pid) ?? '-'}`

/** The pid in `identity` if that very process is still running; undefined if it is gone or the text is none of ours. */
export const livePid = (identity: string): number | undefined => {
  const match = /^(\d{1,10}) (\S+)\s*$/.exec(identity)
  if (match === null) return undefined
  const pid = Number(match[1])
  if (pid === 0 || !exists(pid)) return undefined
  const start = startOf(pid)
  // Without a start on one of the sides the pid alone decides: rather refuse a free directory than share a taken one.
  return start === undefined || match[2] === '-' || match[2] === start ? pid : undefined
}

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Undefined where there is no `/proc`, or no such process; a zombie counts as none. */
const startOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command, in parentheses, may hold spaces and parentheses itself. After it: the state, and as 20th field the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : `${boot}:${fields[19]}`
  } catch {
    return undefined
  }
}
