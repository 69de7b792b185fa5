process VQRNA_PREDICT {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"
    container "${ workflow.containerEngine == 'singularity' && !task.ext.singularity_pull_docker_container ?
        'https://depot.galaxyproject.org/singularity/vqrna:1.0.0--pyhdfd78af_0':
        'biocontainers/vqrna:1.0.0--pyhdfd78af_0' }"

    input:
    tuple val(meta), path(fasta)
    tuple val(meta2), path(gtf)

    output:
    tuple val(meta), path("${prefix}/sites.*") , emit: sites
    tuple val(meta), path("${prefix}/run.json"), emit: json
    tuple val(meta), path("${prefix}/*_mqc.tsv"), emit: mqc
    path "versions.yml"                        , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def annotation = gtf ? "--gtf ${gtf}" : ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    vqrna predict \\
        ${fasta} \\
        ${annotation} \\
        --out ${prefix} \\
        --jobs ${task.cpus} \\
        ${args}
    vqrna multiqc ${prefix} --names ${prefix} --out ${prefix}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        vqrna: \$(vqrna version --short)
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir -p ${prefix}
    touch ${prefix}/sites.tsv ${prefix}/run.json
    touch ${prefix}/vqrna_calls_mqc.tsv ${prefix}/vqrna_general_mqc.tsv

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        vqrna: \$(vqrna version --short)
    END_VERSIONS
    """
}
