import { randomUUID } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { VectorIndex } from '@meridian/core'
import type { Replica } from '@meridian/replica'
import { RefusalCounts } from '@meridian/transport'
import { createApp } from '../app.js'
import { parseConfig } from '../config.js'
import { Gate } from '../gate.js'
import { regionIntake } from '../intake/region-intake.js'
import { createLog } from '../logging.js'
import { Metrics } from '../metrics.js'
import type { Region } from '../region.js'
import { PayloadBudget } from '../query/payload-budget.js'
import { Snapshots } from '../snapshots/snapshots.js'

export interface InProcessReply {
  readonly status: number
  /** Of a success. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely.
  readonly result: any
  /** Of a refusal. */
  readonly error: string | undefined
}

/** The whole application of one region without a socket: what a request meets is what it meets over HTTP. */
export interface InProcessRegion {
  /** The body is taken as JSON. Rejects only for a bug of this kit: refusals are replies. */
  send(method: string, path: string, body?: unknown): Promise<InProcessReply>
  /** `send`, refused unless it succeeds; gives the result. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  ok(method: string, path: string, body?: unknown): Promise<any>
}

/** One for all: each set watches the whole process. */
const METRICS = new Metrics()

/** Serves `replica`, which the caller opened on its own ports and closes. Links and snapshots are out of reach. */
export const serveInProcess = async (replica: Replica, index: VectorIndex): Promise<InProcessRegion> => {
  const { replica: number } = replica.identity
  const config = { ...parseConfig({ region: replica.region, 'log-level': 'silent' }), replica: number }
  const intake = regionIntake(config, replica, index)
  const region: Region = {
    config,
    replica,
    index,
    metrics: METRICS,
    links: { status: () => [], enable: () => false },
    health: { degradations: () => [], blockedMs: 0, room: undefined, indexWorkerDeaths: 0 },
    snapshots: await Snapshots.open(join(tmpdir(), 'meridian-in-process-no-snapshots'), replica, intake),
    intake,
    refusals: { link: new RefusalCounts(), room: new RefusalCounts() },
    payloadBudget: new PayloadBudget(config.payloadIndexBytesMax),
    startedAt: new Date(0),
    instance: randomUUID(),
    report: () => {},
    unready: () => undefined,
    broken: () => undefined,
  }
  const handle = createApp(region, new Gate(), createLog(config)).callback()
  const send: InProcessRegion['send'] = (method, path, body) =>
    new Promise((resolve, reject) => {
      const { request, response } = exchange(method, path, body, (status, text) => {
        const { result, status: told } = JSON.parse(text)
        resolve({ status, result, error: typeof told === 'object' ? told.error : undefined })
      })
      handle(request, response).catch(reject)
    })
  return {
    send,
    ok: async (method, path, body) => {
      const reply = await send(method, path, body)
      if (reply.status !== 200)
        throw new Error(`${method} ${path} ${JSON.stringify(body)}: ${reply.status} ${reply.error}`)
      return reply.result
    },
  }
}

/** A request whose body has come in whole, and a response that is handed over when it ends. */
const exchange = (
  method: string,
  path: string,
  body: unknown,
  answered: (status: number, text: string) => void,
): { request: IncomingMessage; response: ServerResponse } => {
  const request = new IncomingMessage(new Socket())
  request.method = method
  request.url = path
  request.headers.host = 'localhost'
  if (body !== undefined) {
    const bytes = Buffer.from(JSON.stringify(body))
    request.headers['content-type'] = 'application/json'
    request.headers['content-length'] = String(bytes.length)
    request.push(bytes)
  }
  request.push(null)
  request.complete = true
  const response = new ServerResponse(request)
  response.end = ((text?: string) => {
    answered(response.statusCode, text ?? '')
    return response
  }) as ServerResponse['end']
  return { request, response }
}
