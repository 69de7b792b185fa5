process VQRNA_VARIANTS {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine == 'singularity' && !task.ext.singularity_pull_docker_container ?
        'https://depot.galaxyproject.org/singularity/vqrna:1.0.0--pyhdfd78af_0':
        'biocontainers/vqrna:1.0.0--pyhdfd78af_0' }"

    input:
    tuple val(meta), path(vcf)
    tuple val(meta2), path(fasta)
    tuple val(meta3), path(gtf)

    output:
    tuple val(meta), path("${prefix}/variants.tsv")       , emit: effects
    tuple val(meta), path("${prefix}/records.tsv")        , emit: records
    tuple val(meta), path("${prefix}/variants.vcf.gz")    , emit: vcf
    tuple val(meta), path("${prefix}/variants.vcf.gz.tbi"), emit: tbi
    tuple val(meta), path("${prefix}/run.json")           , emit: json
    path "versions.yml"                                   , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def annotation = gtf ? "--gtf ${gtf}" : ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    vqrna variants \\
        ${vcf} \\
        --fasta ${fasta} \\
        ${annotation} \\
        --out ${prefix} \\
        --jobs ${task.cpus} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        vqrna: \$(vqrna version --short)
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p ${prefix}
    touch ${prefix}/variants.tsv ${prefix}/records.tsv ${prefix}/run.json
    echo "" | gzip > ${prefix}/variants.vcf.gz
    touch ${prefix}/variants.vcf.gz.tbi

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        vqrna: \$(vqrna version --short)
    END_VERSIONS
    """
}
