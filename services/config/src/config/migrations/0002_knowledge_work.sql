-- How far the reading of an uploaded document has come (config.adapters.reading_progress); gone when it is done.
create table knowledge_work (
    customer text not null,
    document text not null,
    done int not null,
    total int not null,
    primary key (customer, document)
);
