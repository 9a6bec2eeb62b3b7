app.get("/health", ok); app.listen(process.env.PORT)
