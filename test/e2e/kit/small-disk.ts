import { execFile, execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sharedPath } from './shared.js'

const run = promisify(execFile)
const SCRIPT = 'faults/disk.sh'

/** Why a test that needs a disk of its own cannot run; `undefined` when it can: tried once, by making one. */
export const noDisk = (): string | undefined => {
  if (!existsSync(sharedPath(SCRIPT))) return `skipped: ../shared/${SCRIPT} is not beside this checkout`
  if (process.getuid?.() !== 0) return 'skipped: mounting a disk needs root'
  const probe = join(tmpdir(), `meridian-disk-probe-${process.pid}`)
  try {
    execFileSync('bash', [sharedPath(SCRIPT), 'make', probe, '8'], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer }
    return `skipped: no disk can be mounted here: ${String(stderr ?? error)
      .trim()
      .split('\n')
      .at(-1)}`
  } finally {
    try {
      execFileSync('bash', [sharedPath(SCRIPT), 'drop', probe], { stdio: 'pipe' })
    } catch {
      // It was never made.
    }
  }
}

/** A disk of its own for one data directory. Dispose of it when nothing uses it any more. */
export class SmallDisk implements AsyncDisposable {
  private constructor(
    readonly parent: string,
    readonly mount: string,
  ) {}

  static async make(megabytes: number): Promise<SmallDisk> {
    const parent = await mkdtemp(join(tmpdir(), 'meridian-disk-'))
    const disk = new SmallDisk(parent, join(parent, 'disk'))
    await disk.#do('make', String(megabytes))
    return disk
  }

  /** For a region; inside the mount, as a file system's top folder holds `lost+found`. */
  get dataDir(): string {
    return join(this.mount, 'data')
  }

  /** What was not flushed is gone, and every call fails from now on. */
  powerLoss(): Promise<void> {
    return this.#do('power-loss')
  }

  /** As a machine mounts it after boot. Nothing may have files open on it. */
  restore(): Promise<void> {
    return this.#do('restore')
  }

  /** No byte is free from now on. */
  fill(): Promise<void> {
    return this.#do('fill')
  }

  empty(): Promise<void> {
    return this.#do('empty')
  }

  async #do(verb: string, ...rest: string[]): Promise<void> {
    await run('bash', [sharedPath(SCRIPT), verb, this.mount, ...rest])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#do('drop')
    await rm(this.parent, { recursive: true, force: true })
  }
}
