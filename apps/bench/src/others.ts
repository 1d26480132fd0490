import { execFile } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Where other engines are installed; the workspace does not name it, so that only those who measure them download them. */
export const OTHERS_PACKAGE = fileURLToPath(new URL('../others/package.json', import.meta.url))

/**
 * Installs the other engines, as pinned there, unless they are.
 * @throws Error with what the package manager said
 */
export const installOthers = async (): Promise<void> => {
  const args = [
    'run',
    '--silent',
    'pnpm',
    '--',
    'install',
    '--ignore-workspace',
    '--frozen-lockfile',
    '--loglevel=error',
    '--dir',
  ]
  await promisify(execFile)('npm', [...args, dirname(OTHERS_PACKAGE)], {
    cwd: fileURLToPath(new URL('../../../', import.meta.url)),
  })
}
