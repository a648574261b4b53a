// The browser's own database: what is in it survives a reload and an empty battery.

/** `stores`: the options of each object store, by name. */
export function openDatabase(name, stores) {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const [of, options] of Object.entries(stores)) request.result.createObjectStore(of, options);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** What `act(store)` asks for, once the transaction is complete. */
export function transact(database, store, mode, act) {
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode);
    const request = act(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** Values by key, `lasting` in a database; or in memory, where the browser gives none. */
export async function openShelf(name) {
  try {
    const database = await openDatabase(name, { values: {} });
    return {
      lasting: true,
      get: (key) => transact(database, "values", "readonly", (s) => s.get(key)),
      put: (key, value) => transact(database, "values", "readwrite", (s) => s.put(value, key)),
    };
  } catch {
    const values = new Map();
    const put = async (key, value) => void values.set(key, value);
    return { lasting: false, get: async (key) => values.get(key), put };
  }
}
