import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const SERVER = process.env.TIRO_SERVER ?? 'http://127.0.0.1:8000';

/** Tells the service worker which files there are; with any of them its own bytes change, and so it is new. */
function shell(): Plugin {
  let folder = '';
  return {
    name: 'shell',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    closeBundle() {
      const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((each) =>
        each.isFile(),
      );
      const paths = all.map((each) =>
        join(each.parentPath, each.name).slice(folder.length).replaceAll('\\', '/'),
      );
      const files = paths.filter((path) => !/^\/(sw\.js|index\.html)$/.test(path)).sort();
      const hash = createHash('sha256');
      for (const path of [...files, '/index.html'])
        hash.update(path).update(readFileSync(join(folder, path)));
      const worker = join(folder, 'sw.js');
      const text = readFileSync(worker, 'utf8').replace('__FILES__', JSON.stringify(files));
      writeFileSync(worker, text.replace('__VERSION__', hash.digest('hex').slice(0, 16)));
    },
  };
}

/** Beside each file what brotli and gzip make of it, so that the server compresses nothing. */
function precompress(): Plugin {
  let folder = '';
  return {
    name: 'precompress',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    closeBundle() {
      const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        if (!entry.isFile() || !/\.(js|css|svg|json|webmanifest)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const body = readFileSync(path);
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        writeFileSync(`${path}.br`, brotliCompressSync(body, { params }));
        writeFileSync(`${path}.gz`, gzipSync(body, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), tailwindcss(), shell(), precompress()],
  resolve: { alias: { '@': join(import.meta.dirname, 'src') } },
  html: { cspNonce: '__NONCE__' },
  build: {
    outDir: '../src/tiro/web',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: { '/api': SERVER, '/v1': SERVER, '/docs': SERVER, '/openapi.json': SERVER },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts', 'src/**/*.test.tsx'],
    // What they test keeps nothing outside of what each of them makes: one loading of it is enough.
    pool: 'threads',
    isolate: false,
  },
});
