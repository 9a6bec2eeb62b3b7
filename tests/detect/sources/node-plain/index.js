const http = require("http");
http.createServer((q, a) => a.end("ok")).listen(3000);
