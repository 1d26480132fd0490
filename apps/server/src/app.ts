import { randomUUID } from 'node:crypto'
import { StoreError } from '@meridian/core'
import Koa from 'koa'
import { Guarantees, type Told } from './guarantees/guarantees.js'
import { checkAccess } from './http/access.js'
import { type Grant, Keyring, keyOf } from './http/auth.js'
import { byRoute } from './http/by-route.js'
import { BodyReader } from './http/body.js'
import { goneSignal } from './http/client-gone.js'
import { Cors } from './http/cors.js'
import { type Answer, failure, plain, success } from './http/envelope.js'
import { asStoreError, unsupported } from './http/errors.js'
import { type Call, type Match, type Route, Router, Whole } from './http/router.js'
import { sendAnswer } from './http/send-answer.js'
import { WrongKeys } from './http/wrong-keys.js'
import { HEADERS_MAX } from './http-server.js'
import type { ServerLog } from './logging.js'
import { nameOf, type Region } from './region.js'
import { aliasRoutes } from './routes/aliases.js'
import { collectionRoutes } from './routes/collections.js'
import { conflictPolicyRoutes } from './routes/conflict-policy.js'
import { conflictRoutes } from './routes/conflicts.js'
import { erasureRoutes } from './routes/erasure.js'
import { indexRoutes } from './routes/indexes.js'
import { healthRoutes } from './routes/health.js'
import { meridianRoutes } from './routes/meridian.js'
import { withDocument } from './routes/openapi.js'
import { payloadRoutes } from './routes/payload.js'
import { batchRoutes } from './routes/points-batch.js'
import { pointsReadRoutes } from './routes/points-read.js'
import { pointsWriteRoutes } from './routes/points-write.js'
import { queryRoutes } from './routes/query.js'
import { regionRoutes } from './routes/regions.js'
import { withRefusals } from './routes/refused.js'
import { serviceRoutes } from './routes/service.js'
import { snapshotRoutes } from './routes/snapshots.js'
import { spaceRoutes } from './routes/spaces.js'
import { withReadLimits } from './schema/read-limits.js'
import { StrictMode } from './strict/strict-mode.js'
import type { Gate } from './gate.js'

/** Every route but those of the published document. */
export const allRoutes = (region: Region): Route[] => [
  ...serviceRoutes(region),
  ...collectionRoutes(region),
  ...aliasRoutes(region),
  ...indexRoutes(region),
  ...spaceRoutes(region),
  ...pointsWriteRoutes(region),
  ...payloadRoutes(region),
  ...batchRoutes(region),
  ...pointsReadRoutes(region),
  ...queryRoutes(region),
  ...snapshotRoutes(region),
  ...healthRoutes(region),
  ...meridianRoutes(region),
  ...erasureRoutes(region),
  ...conflictRoutes(region),
  ...conflictPolicyRoutes(region),
  ...regionRoutes(region),
]

/** A request id that a caller may choose: it ends up in logs and headers. */
const REQUEST_ID = /^[\w.:-]{1,64}$/
/** An answer may be sent while the body is still coming in; it has this long to end before the socket is closed. */
const LEFTOVER_MS = 1000
const TOO_MANY_HEADERS: Answer = {
  ...plain(`Send fewer than ${HEADERS_MAX} headers`, 431),
  headers: { connection: 'close' },
}
const NO_QUERY = new URLSearchParams()
/** On a route that is open. */
const NOBODY: Grant = { name: 'nobody', access: 'read-only', collections: [] }
const GONE: Answer = { status: 499, contentType: 'text/plain', body: '' }

/**
 * One request: found, authenticated on its headers, admitted, read, handled, answered. Whatever is thrown on the way becomes
 * the envelope of its code.
 */
export const createApp = (region: Region, gate: Gate, log: ServerLog): Koa => {
  const router = new Router(withDocument(withRefusals(allRoutes(region))))
  const keys = new Keyring(region.config)
  const wrongKeys = new WrongKeys()
  const cors = new Cors(region.config.corsOrigins)
  const bodies = new BodyReader(region.config)
  const guarantees = new Guarantees(region)
  const strict = new StrictMode(region)
  const app = new Koa()
  // Of a socket that ended before its request or answer did; by default it goes to standard error.
  app.on('error', (error: Error) => log.debug({ error: error.message }, 'connection failed'))
  app.use(async (ctx) => {
    const started = performance.now()
    const seconds = (): number => Math.round((performance.now() - started) * 1000) / 1e6
    const given = ctx.get('x-request-id')
    const requestId = REQUEST_ID.test(given) ? given : randomUUID()
    const gone = goneSignal(ctx.req.socket)
    const told: Told = {}
    let answer: Answer
    let failed: StoreError | undefined
    try {
      answer = await serveRoute(ctx, gone, seconds, told)
    } catch (thrown) {
      failed = asStoreError(thrown)
      answer = gone.aborted ? GONE : failure(failed, seconds())
    }
    const headers: Record<string, string> = { 'x-request-id': requestId }
    Object.assign(headers, told, answer.headers, cors.headers(ctx.req.headers))
    if (failed?.code === 'RATE_LIMITED' || gate.isClosing) headers.connection = 'close'
    sendAnswer(ctx, answer, headers)
    region.metrics.responded(answer.status)
    report(
      log,
      { request_id: requestId, method: ctx.method, path: ctx.path, status: answer.status, seconds: seconds() },
      failed,
    )
    if (!ctx.req.complete) endLeftover(ctx)
  })

  const serveRoute = async (
    ctx: Koa.Context,
    signal: AbortSignal,
    seconds: () => number,
    told: Told,
  ): Promise<Answer> => {
    if (ctx.req.rawHeaders.length >= 2 * HEADERS_MAX) return TOO_MANY_HEADERS
    const preflight = cors.preflight(ctx.method, ctx.req.headers)
    if (preflight !== undefined) return { ...plain('', 204), headers: preflight }
    const match = found(() => router.match(ctx.method, ctx.path))
    const isOpen = 'route' in match && match.route.isOpen === true
    const grant = isOpen ? NOBODY : identify(ctx)
    if (!('route' in match)) throw match.error
    const { route, params } = match
    if (!isOpen) checkAccess(grant, route, params.collection, resolve)
    // Taken in silence, it would promise what is not kept.
    if (ctx.method !== 'GET' && ctx.get('idempotency-key') !== '')
      throw unsupported('idempotency-key: a write names its points, so sending it again is safe; leave the header out')
    // What a region that is joining has is a part of what there is: it would tell of records that they do not exist.
    const unservable = isOfData(route) ? region.replica.unservable() : undefined
    if (unservable !== undefined) throw unservable
    // Not `using`: compiled for Node 20 it takes its time on every request.
    const admitted = route.isProbe ? undefined : gate.enter()
    try {
      const hasBody = !route.ignoresBody && ['PUT', 'POST', 'PATCH'].includes(ctx.method)
      const body = hasBody ? await bodies.json(ctx.req, route.hasVectors) : undefined
      // A body may take its time, and an alias be moved meanwhile.
      if (hasBody && !isOpen) checkAccess(grant, route, params.collection, resolve)
      const bodyBytes = ctx.request.length ?? 0
      const query = ctx.querystring === '' ? NO_QUERY : new URLSearchParams(ctx.querystring)
      const call: Call = { params, query, body, bodyBytes, grant, signal, told, request: ctx.req }
      const result = await withReadLimits(region.config, () => {
        strict.check(route, call)
        return guarantees.serve(route, call, ctx.req.headers, told)
      })
      return result instanceof Whole ? result.answer : success(result, seconds())
    } finally {
      admitted?.[Symbol.dispose]()
    }
  }
  /** @throws StoreError `UNAUTHENTICATED`, `RATE_LIMITED`. */
  const identify = (ctx: Koa.Context): Grant => {
    const grant = keys.find(ctx.req.headers)
    if (grant !== undefined) return grant
    if (keyOf(ctx.req.headers) === undefined)
      throw new StoreError('UNAUTHENTICATED', 'Must provide an API key or an Authorization bearer token')
    wrongKeys.note(ctx.req.socket.remoteAddress ?? '', performance.now())
    throw new StoreError('UNAUTHENTICATED', 'Invalid API key')
  }
  const resolve = (name: string): string | undefined => nameOf(region, name)
  return app
}

/** Reads and writes of what is stored; the rest is for operators and probes. */
const isOfData = byRoute(({ path }: Route): boolean =>
  ['/collections', '/aliases', '/snapshots', '/meridian/collections'].some((prefix) => path.startsWith(prefix)),
)

/** An unknown route is told only to those who hold the key. */
const found = (match: () => Match): Match | { readonly error: unknown } => {
  try {
    return match()
  } catch (error) {
    return { error }
  }
}

const endLeftover = (ctx: Koa.Context): void => {
  const { req } = ctx
  const timer = setTimeout(() => req.socket.destroy(), LEFTOVER_MS)
  timer.unref()
  req.once('close', () => clearTimeout(timer))
}

const report = (log: ServerLog, fields: Record<string, unknown>, failed: StoreError | undefined): void => {
  if (failed === undefined) {
    log.debug(fields, 'answered')
    return
  }
  const told = { ...fields, error_code: failed.code }
  if (fields.status === 503) log.warn({ ...told, error: failed.message }, 'not taken')
  else if (Number(fields.status) >= 500) log.error({ ...told, error: failed.message, stack: stackOf(failed) }, 'failed')
  else log.info({ ...told, error: failed.message }, 'refused')
}

/** Of the bug below the operating error, if there is one. */
const stackOf = (error: StoreError): string | undefined =>
  error.cause instanceof Error ? error.cause.stack : error.stack
